! Operations on small matrices; symmetric tensors are Mandel vectors, 11, 22, 33, 23, 13, 12.

module umat_matrices
  use umat_data, only: ns
  implicit none
  real(8), parameter :: half_root = sqrt(0.5d0)

contains

  pure real(8) function determinant(m)
    real(8), intent(in) :: m(3, 3)
    determinant = m(1, 1)*(m(2, 2)*m(3, 3) - m(2, 3)*m(3, 2)) &
                  - m(1, 2)*(m(2, 1)*m(3, 3) - m(2, 3)*m(3, 1)) &
                  + m(1, 3)*(m(2, 1)*m(3, 2) - m(2, 2)*m(3, 1))
  end function determinant

  pure function inverse(m) result(out)
    real(8), intent(in) :: m(3, 3)
    real(8) :: out(3, 3)
    out(1, 1) = m(2, 2)*m(3, 3) - m(2, 3)*m(3, 2)
    out(2, 1) = m(2, 3)*m(3, 1) - m(2, 1)*m(3, 3)
    out(3, 1) = m(2, 1)*m(3, 2) - m(2, 2)*m(3, 1)
    out(1, 2) = m(1, 3)*m(3, 2) - m(1, 2)*m(3, 3)
    out(2, 2) = m(1, 1)*m(3, 3) - m(1, 3)*m(3, 1)
    out(3, 2) = m(1, 2)*m(3, 1) - m(1, 1)*m(3, 2)
    out(1, 3) = m(1, 2)*m(2, 3) - m(1, 3)*m(2, 2)
    out(2, 3) = m(1, 3)*m(2, 1) - m(1, 1)*m(2, 3)
    out(3, 3) = m(1, 1)*m(2, 2) - m(1, 2)*m(2, 1)
    out = out/(m(1, 1)*out(1, 1) + m(1, 2)*out(2, 1) + m(1, 3)*out(3, 1))
  end function inverse

  pure function product3(a, b) result(out)
    real(8), intent(in) :: a(3, 3), b(3, 3)
    real(8) :: out(3, 3)
    integer :: j
    do j = 1, 3
      out(:, j) = a(:, 1)*b(1, j) + a(:, 2)*b(2, j) + a(:, 3)*b(3, j)
    end do
  end function product3

  pure function mandel(m) result(v)  ! of the symmetric part
    real(8), intent(in) :: m(3, 3)
    real(8) :: v(6)
    v = [m(1, 1), m(2, 2), m(3, 3), half_root*(m(2, 3) + m(3, 2)), &
         half_root*(m(1, 3) + m(3, 1)), half_root*(m(1, 2) + m(2, 1))]
  end function mandel

  pure function matrix_of(v) result(m)
    real(8), intent(in) :: v(6)
    real(8) :: m(3, 3)
    m(1, 1) = v(1)
    m(2, 2) = v(2)
    m(3, 3) = v(3)
    m(2, 3) = half_root*v(4)
    m(1, 3) = half_root*v(5)
    m(1, 2) = half_root*v(6)
    m(3, 2) = m(2, 3)
    m(3, 1) = m(1, 3)
    m(2, 1) = m(1, 2)
  end function matrix_of

  pure function metric(f) result(v)  ! F^T F as Mandel vector
    real(8), intent(in) :: f(3, 3)
    real(8) :: v(6), twice
    twice = 2.0d0*half_root
    v(1) = f(1, 1)*f(1, 1) + f(2, 1)*f(2, 1) + f(3, 1)*f(3, 1)
    v(2) = f(1, 2)*f(1, 2) + f(2, 2)*f(2, 2) + f(3, 2)*f(3, 2)
    v(3) = f(1, 3)*f(1, 3) + f(2, 3)*f(2, 3) + f(3, 3)*f(3, 3)
    v(4) = twice*(f(1, 2)*f(1, 3) + f(2, 2)*f(2, 3) + f(3, 2)*f(3, 3))
    v(5) = twice*(f(1, 1)*f(1, 3) + f(2, 1)*f(2, 3) + f(3, 1)*f(3, 3))
    v(6) = twice*(f(1, 1)*f(1, 2) + f(2, 1)*f(2, 2) + f(3, 1)*f(3, 2))
  end function metric

  pure subroutine factorise(matrix)
    real(8), intent(inout) :: matrix(8, 6)
    integer :: i, k
    do k = 1, 6
      do i = k + 1, 6
        matrix(k, i) = matrix(k, i)/matrix(k, k)
        matrix(k + 1:6, i) = matrix(k + 1:6, i) - matrix(k, i)*matrix(k + 1:6, k)
      end do
    end do
  end subroutine factorise

  pure subroutine eliminate(matrix, count, solution)
    real(8), intent(inout) :: matrix(ns + 8, ns)
    integer, intent(in) :: count
    real(8), intent(inout) :: solution(8, ns)
    integer :: i, k
    real(8) :: pivot, ratio
    do k = 1, count
      pivot = 1.0d0/matrix(k, k)
      do i = k + 1, count
        ratio = matrix(k, i)*pivot
        matrix(:, i) = matrix(:, i) - ratio*matrix(:, k)
      end do
    end do
    do k = count, 1, -1
      solution(:, k) = matrix(ns + 1:ns + 8, k)/matrix(k, k)
      do i = 1, k - 1
        matrix(ns + 1:ns + 8, i) = matrix(ns + 1:ns + 8, i) - matrix(k, i)*solution(:, k)
      end do
    end do
  end subroutine eliminate

end module umat_matrices
